// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IAssetRegistry, Publication} from "../interfaces/IAssetRegistry.sol";
import {ISplitterFactory} from "../interfaces/ISplitterFactory.sol";
import {ISafe, ISafeProxyFactory, ITeamFactory, Team} from "../interfaces/ITeamFactory.sol";

/// @title TeamFactory: puts teams together from parts that are not its own.
contract TeamFactory is ITeamFactory {
    /// The registry that teams publish in.
    IAssetRegistry public immutable registry;
    /// Makes the splitters.
    ISplitterFactory public immutable splitters;
    /// The published factory of Safes, the Safe that its proxies use, and their fallback handler.
    ISafeProxyFactory public immutable safeFactory;
    address public immutable safeSingleton;
    address public immutable safeFallbackHandler;

    constructor(
        IAssetRegistry registry_,
        ISplitterFactory splitters_,
        ISafeProxyFactory safeFactory_,
        address safeSingleton_,
        address safeFallbackHandler_
    ) {
        registry = registry_;
        splitters = splitters_;
        safeFactory = safeFactory_;
        safeSingleton = safeSingleton_;
        safeFallbackHandler = safeFallbackHandler_;
    }

    /// @inheritdoc ITeamFactory
    function createTeam(Team calldata team) external returns (address safe, address splitter) {
        return _createTeam(team);
    }

    /// @inheritdoc ITeamFactory
    function createTeamAndPublish(Team calldata team, Publication calldata publication)
        external
        returns (address safe, address splitter, uint256 assetId)
    {
        (safe, splitter) = _createTeam(team);
        Publication memory asset = publication;
        if (asset.payout == address(0)) asset.payout = splitter;
        assetId = registry.publish(safe, asset);
    }

    /// @inheritdoc ITeamFactory
    function teamOf(Team calldata team) external view returns (address safe, address splitter) {
        safe = _safeOf(_initializer(team), team.saltNonce);
        if (team.shares.length != 0) splitter = splitters.splitterOf(team.shares);
    }

    function _createTeam(Team calldata team) private returns (address safe, address splitter) {
        bytes memory initializer = _initializer(team);
        safe = _safeOf(initializer, team.saltNonce);
        if (safe.code.length == 0) {
            // Where it will be was computed: the factory makes it by CREATE2, and reverts if it cannot.
            // slither-disable-next-line unused-return
            safeFactory.createProxyWithNonce(safeSingleton, initializer, team.saltNonce);
        }
        if (team.shares.length != 0) splitter = splitters.createSplitter(team.shares);
        emit TeamCreated(safe, splitter, team.owners, team.threshold);
    }

    /// @dev As the factory computes it: the salt binds the initializer, and so the owners and the threshold.
    function _safeOf(bytes memory initializer, uint256 saltNonce) private view returns (address) {
        bytes32 salt = keccak256(abi.encodePacked(keccak256(initializer), saltNonce));
        bytes memory code = abi.encodePacked(safeFactory.proxyCreationCode(), uint256(uint160(safeSingleton)));
        return Create2.computeAddress(salt, keccak256(code), address(safeFactory));
    }

    /// @dev No modules, no payment, no call on set-up: a plain Safe.
    function _initializer(Team calldata team) private view returns (bytes memory) {
        return abi.encodeCall(
            ISafe.setup,
            (
                team.owners,
                team.threshold,
                address(0),
                "",
                safeFallbackHandler,
                address(0),
                0,
                payable(address(0))
            )
        );
    }
}
