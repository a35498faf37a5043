<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_US" sourcelanguage="en_US">
    <context>
        <name>FlareSegmentation</name>
        <message>
            <source> min</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Add a volume with the uncertainty of each voxel in percent.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Add this report as tables (organs; time and memory) that are saved with the scene.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Adjust region...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>All scans</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Apply the suggested solution.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Borders:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Check
here</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Choose or create a box</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Clean-up:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Click a row to centre the slice views on the organ, or its last column to go to the uncertain place; click again for the next one.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Confidence</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Copy report</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Copy this report as text to the clipboard.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Correct the result in the Segment Editor: painting one organ leaves the others alone.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Create new segmentation</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Device:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Edit...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Edited:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Find the region of the organs and segment it, or segment the whole scan in one pass. For the latter no weights are included: give a folder with weights of your own.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>FlareSegmentation</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Folder that flareseg export wrote, with weights for the whole scan in one pass. The documentation of training says how to make them.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Go to organs after the run</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Guided moves the borders of liver, kidneys and spleen to where the CT has them. Plain leaves them as the network gives them.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>HU gate</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Keep as table</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Keep engine warm:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Kidneys</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Lay the uncertainty of the result over the scan.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Left and right kidney</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Liver</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Log</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Make a segment of this organ; without, it is left out of the result and of the report.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Mean
HU</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Messages of the engine during the last run.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Messages of the engine, with the details of a failure.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Minutes that the engine stays loaded after a run. It then ends and frees its memory.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Move the slice views to the middle of the organs after the first run of a scan.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Networks:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Normal removes separate parts that an anatomy does not have, such as a second liver. Strong leaves one part of each organ (two kidneys) and fills holes inside.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Number format of the networks. Automatic follows from the device; a format for which the processor has no instructions takes many times longer. The organs differ in fewer than one voxel in a thousand.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Options</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Options that most runs do not need.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Organ</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Organs</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Organs:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Output:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Pancreas</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Precision:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Progress of the run.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Reason for this device.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Region:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Remove voxels of air, fat, bone and metal from the organs.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Result:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Save as...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Save the result as files, as a DICOM segmentation, or its table as CSV.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Scan</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Scan:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Seconds</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Seconds of each stage of the last run.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment again with the same choices.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment organs</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment several scans of this scene one after the other.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment the ticked scans one after the other, each into a segmentation of its own.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment ticked scans</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segments liver, kidneys, spleen and pancreas in an abdominal CT. Choose the scan and click &lt;b&gt;Segment organs&lt;/b&gt;; Slicer stays usable meanwhile. See the &lt;a href="{project}"&gt;project page&lt;/a&gt;. For research use only, not for diagnosis.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segments of this result that were changed by hand.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Set Region to Automatic under Options to look in the whole scan again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Several scans</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Share</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Show 3D after the run</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Show or hide the organs in the 3D views.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Show the organs in the 3D views after each run.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Show the region that was segmented as a box; move its sides, then segment again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Show uncertainty</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Size in voxels and voxel spacing of the scan.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Spleen</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Stage</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>State</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The abdominal CT to segment.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The box to segment. Of a rotated box the upright box around it is taken.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The current stage, elapsed and remaining seconds, and memory in use.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The device that will be used, and its free memory.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The segmentation that receives the organs. Other segments in it stay as they are.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The two-stage method is that of He and Luo (&lt;a href="https://flare.grand-challenge.org/FLARE21/"&gt;FLARE21&lt;/a&gt;, MICCAI 2021); its network is &lt;a href="https://doi.org/10.1109/TMI.2018.2806309"&gt;DenseVNet&lt;/a&gt; (Gibson et al., 2018); scores follow the protocol of the &lt;a href="https://doi.org/10.1016/j.media.2022.102616"&gt;FLARE21 challenge&lt;/a&gt; (Ma et al., 2022). The weights were trained on synthetic CT made from label maps, some of which have non-commercial terms.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>This scan shows one frame of a sequence. List every frame as a scan of its own, ready to be segmented one after the other.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Tick or untick all scans of the scene.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Tick the scans to segment one after the other; click a finished one to see its result.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Time and memory</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Two segments, left and right, instead of one for both kidneys.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Uncertainty volume</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Volume</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Wall-clock seconds, peak memory, and the device that ran the networks.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Warnings about this scan.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Warnings of this run.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Weights:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What the next run does with the segments that you changed. The choice is remembered in the scene.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What this scan is expected to take, from the runs on this computer so far.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What went wrong and what to do about it. The log below says more.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Where the networks run. Automatic takes the GPU when there is one with enough memory.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Where to look for the organs: the abdomen is found automatically, or you give a box.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>folder with weights of your own</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>FlareSegmentationLib.choices</name>
        <message>
            <source>Automatic</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>CPU</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Edited segments cannot be treated as {choice!r}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>GPU</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Guided by the CT</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Keep them</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>New segmentation</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Normal</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Off</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Plain</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Region, then organs</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Replace them</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Strong</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Unknown borders: {choice!r}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Unknown clean-up: {choice!r}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Unknown device: {choice!r}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Unknown network: {choice!r}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Unknown precision: {choice!r}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Use one of {values}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Whole scan in one pass</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>FlareSegmentationLib.explained</name>
        <message>
            <source>An unexpected error occurred ({what}: {why}).</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Please report this with the text of Slicer's error log.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>FlareSegmentationLib.names</name>
        <message>
            <source>A setting is not valid</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>An option is not valid</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>An unexpected failure</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Clean up</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Crop</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Find abdomen</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Kidneys</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Left kidney</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Liver</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Load networks</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No organ was found</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Pancreas</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Put back</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Python packages are missing</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Read scan</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Right kidney</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment organs</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Spleen</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The GPU cannot be used</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The GPU memory is exhausted</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The background process failed</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The data are not consistent</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The main memory is exhausted</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The region cannot be used</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The result cannot be written</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The run was stopped</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan cannot be segmented</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The weights cannot be used</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Write</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.batch</name>
        <message>
            <source>Load it again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan is no longer in the scene.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.dependencies</name>
        <message>
            <source>Click again and accept the installation; it needs an internet connection once.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Install Slicer 5.12.3 or later, stable or preview.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Install the extension PyTorch from the Extensions Manager, restart Slicer and try again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open the PyTorch Utils module, install PyTorch there, and try again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>PyTorch was not installed: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Python packages that the engine needs were not installed: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Slicer {version} has no package installer (slicer.packaging) that this module can use.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The PyTorch extension is not installed. Missing: {packages}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The first click asks to install: {packages}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>still missing: {packages}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>the installation was declined</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.dicom_export</name>
        <message>
            <source>Free some disk space, or choose another temporary folder in Slicer's application settings.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The segments could not be handed to the engine: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{count} voxels lie in two segments; each was written to the first of them.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.hand_over</name>
        <message>
            <source>Segment it again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan was changed while it was handed to the engine.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.job</name>
        <message>
            <source>A segmentation is already running.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Close other scans or programs, then try again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Create it, or choose another one in Slicer's application settings.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Free some disk space, or choose another temporary folder in Slicer's application settings.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Restart Slicer and try again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Slicer's temporary folder {folder} does not exist.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The engine's answer could not be read: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan could not be handed to the engine: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>There is not enough memory to load the result.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Wait until it is done or cancel it, then try again.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.parameters</name>
        <message>
            <source>Choose one under Options, or set Region to Automatic.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No box is chosen to segment in.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.process</name>
        <message>
            <source>Close other programs or raise the container's memory limit, then try again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Reinstall the FlareSegmentation extension and restart Slicer.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The engine could not be started: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The engine stopped unexpectedly (exit code {code}).</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The log below says more. If memory is short, close other programs; then try again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The system ended the engine; the memory of this computer or container may be exhausted.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.scan_queue</name>
        <message>
            <source>The scan was deleted.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>jobs.segmenter</name>
        <message>
            <source>Please report this with the text of Slicer's error log.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment the scan again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The result could not be put into the scene: {why}.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The result was deleted, so the segmentation was stopped.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan got another size or position while it was segmented, so no result was written.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan was deleted, so its segmentation was stopped.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scene was closed, so the segmentation was stopped.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.corrected</name>
        <message>
            <source>Put both under the same transform in the Data module.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment the scan first.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The segmentation and its scan are under different transforms.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The segmentation has no organ of FlareSegmentation.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.dicom_series</name>
        <message>
            <source>Import the series in the DICOM module again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Import the series in the DICOM module and load it from there, or save the segments to files.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The files of the scan are not in Slicer's DICOM database any more.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan was not loaded from Slicer's DICOM database, so a DICOM result cannot refer to it.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.kept</name>
        <message>
            <source>Not segmented again, because the segment was deleted: {organs}. To get it back, make a new result.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>edited by hand, kept</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.report_export</name>
        <message>
            <source>Check here</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Confidence</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Engine</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>GPU memory peak</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Mean</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Mean HU</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Organ</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>RAM peak</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Standard deviation</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Total</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Unit</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Value</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Volume</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Weights: {weights}. For research use only, not for diagnosis.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>What</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{result} report</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{result} time</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.report_text</name>
        <message>
            <source>Engine {seconds} s</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>GPU memory peak {memory}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>RAM peak {memory}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>S {list} mm</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Total {seconds} s</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>slices {list}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{first} to {last}</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.results</name>
        <message>
            <source>Segment the scan again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The result has another size than the scan, so it was not written.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{scan} organs</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.roi</name>
        <message>
            <source>Automatic</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Draw a box around the abdomen, or give six bounds in mm: R, R, A, A, S, S, each pair ascending.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>From the box</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Harden the transform or give the bounds in the scan's own coordinates.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>It is rotated against the scan: the upright box around it, {size} mm, is taken.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Only the inside of the box "{box}" will be segmented (see Options).</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Region to segment</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The region of interest has no size.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan is bent by a non-linear transform, so a box in world coordinates does not fit it.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.sample_data</name>
        <message>
            <source>Synthetic CT</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{scan} true organs</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.uncertainty</name>
        <message>
            <source>{scan} uncertainty</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>nodes.volumes</name>
        <message>
            <source>Add it to the scene first.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Choose a CT volume.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Choose a CT with one value a voxel.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Choose the CT itself.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Load a CT and choose it as Scan.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Load the CT again.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>No scan is chosen.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The scan sits under a transform; the result will follow it.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The volume has no voxels.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The volume holds colours or vectors.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The volume is not in the scene.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>This is a label map, not a CT.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>This is not a volume.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.consent</name>
        <message>
            <source>Do you accept this? You are asked once.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Terms of the weights that segment the organs:</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>This is not a medical device: do not use the result for diagnosis or treatment.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.device_line</name>
        <message>
            <source>This scan needs {needed} RAM; {there} are available.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>about {seconds} s</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{device}, {memory} free</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{memory} GPU memory</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{memory} RAM</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.dicom_saving</name>
        <message>
            <source>DICOM (*.dcm)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>For research use only. To see them in Slicer, import the folder in the DICOM module.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Save as DICOM</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Writing the DICOM files ...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Written:</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.failure</name>
        <message>
            <source>Cancelled.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Choose a region</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Install packages</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Open the Extensions Manager</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Retry on CPU</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Try again</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.file_dialog</name>
        <message>
            <source>{file} exists. Replace it?</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.panel</name>
        <message>
            <source>And {count} more: point here to read them.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Cancel</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Cancelling...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>List the {count} frames as scans</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Load an abdominal CT and choose it here.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Scan {number} of {count}</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment liver, kidneys, spleen and pancreas</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Segment organs</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Stop the segmentation; the scene stays as it is</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The engine is being stopped</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>The list of scans says why.</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>{failed} of {count} scans have no result.</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.progress</name>
        <message>
            <source>Starting the engine</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>about {seconds} s left</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.queue_panel</name>
        <message>
            <source>cancelled</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>done</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>running</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>waiting</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.sample_data</name>
        <message>
            <source>Drawing a synthetic CT ...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Sample data</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>panel.saving</name>
        <message>
            <source>CSV (*.csv)</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>DICOM segmentation and report...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Export segments to files</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Files (NIfTI, NRRD, STL, OBJ)...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Organ table (CSV)...</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Save organ table</source>
            <translation type="unfinished" />
        </message>
        <message>
            <source>Slicer's DICOM export...</source>
            <translation type="unfinished" />
        </message>
    </context>
    <context>
        <name>qSlicerAbstractCoreModule</name>
        <message>
            <source>Segmentation</source>
            <translation type="unfinished" />
        </message>
    </context>
</TS>
